"""The words of other languages than English that graders look for, one table a language."""

from stages.graders.languages.wordlists import Language, Row

LANGUAGES: tuple[Language, ...] = (
    Language(
        "German",
        answers=(Row("Antwort|Endantwort|Lösung|Ergebnis|Endergebnis", "`Die Antwort lautet 42`"),),
        stated=(Row("ist|lautet|wäre|beträgt|ist also|ist daher", "`Die Lösung lautet: 56`"),),
        yes=(Row("ja|wahr", "`Die Antwort ist ja`"),),
        no=(Row("nein|falsch|stimmt nicht", "`Die Antwort ist nein`"),),
        right=(Row("ist richtig|ist korrekt|stimmt|trifft zu", "`C ist richtig`"),),
        wrong=(
            Row(
                "ist falsch|sind falsch|ist nicht richtig|ist nicht korrekt|stimmt nicht|scheidet aus|"
                "scheiden aus|trifft nicht zu",
                "`A ist falsch, also C`",
            ),
        ),
        denies=(Row("nicht|nie|non", "`nicht A`"),),
        so=(
            Row(
                "also|daher|somit|folglich|deshalb|nur|bleibt|richtig ist|korrekt ist",
                "`A ist falsch, also C`",
            ),
        ),
        options=(Row("Antwort|Option|Möglichkeit|Buchstabe|Aussage", "`Richtig ist Antwort D`"),),
        checks=(Row("Probe", "a check behind the answer"),),
        headings=(
            Row(
                "Überprüfung|Prüfung|Ergebnis|Erklärung|Begründung|Zusammenfassung|Hinweis|Lösung|Kontrolle",
                "a section behind the answer",
            ),
        ),
    ),
    Language(
        "French",
        answers=(Row("réponse|reponse|résultat|résultat final", "`La réponse est oui`"),),
        final=(Row("finale|final|correcte|correct|exacte|juste", "`La réponse finale est 42`"),),
        stated=(Row("est|est donc|vaut|serait", "`Le résultat final est donc 56`"),),
        yes=(Row("oui|vrai", "`La réponse est oui`"),),
        no=(Row("non|faux", "`La réponse est non`"),),
        right=(
            Row(
                "est vrai|est vraie|est correct|est correcte|est juste|est exact|est exacte|"
                "est la bonne réponse",
                "`C est correcte`",
            ),
        ),
        wrong=(
            Row(
                "est faux|est fausse|sont faux|sont fausses|est incorrect|est incorrecte|"
                "n'est pas correct|n'est pas correcte",
                "`A est faux, donc C`",
            ),
        ),
        denies=(Row("pas", "`pas A`"),),
        so=(Row("donc|alors|ainsi|par conséquent|seul|seule|il reste|reste", "`A est faux, donc C`"),),
        options=(Row("option|réponse|choix|lettre|proposition", "`l'option C`"),),
        checks=(Row("Vérification", "a check behind the answer"),),
        headings=(
            Row(
                "Explication|Conclusion|Résumé|Remarque|Justification|Solution",
                "a section behind the answer",
            ),
        ),
    ),
    Language(
        "Spanish",
        answers=(Row("respuesta|resultado|solución", "`La respuesta es 56`"),),
        final=(Row("final|correcta|correcto", "`La respuesta correcta es`"),),
        stated=(Row("es|sería|es por tanto|es entonces", "`La respuesta es sí`"),),
        yes=(Row("sí|si|verdadero", "`La respuesta es sí`"),),
        no=(Row("falso", "`La afirmación: falso`; `no` is English too"),),
        right=(Row("es correcta|es correcto|es verdadera|es verdadero|es la correcta", "`C es correcta`"),),
        wrong=(
            Row(
                "es incorrecta|es incorrecto|es falsa|es falso|son incorrectas|son falsas|no es correcta|"
                "no es correcto",
                "`A es incorrecta, por lo tanto B`",
            ),
        ),
        so=(
            Row(
                "por lo tanto|por tanto|así que|entonces|luego|solo|sólo|solamente|queda|correcta es|"
                "correcto es|la|es la",
                "`La opción correcta es la D`",
            ),
        ),
        options=(Row("opción|respuesta|letra|alternativa", "`la opción B`"),),
        checks=(Row("Comprobación", "a check behind the answer"),),
        headings=(
            Row(
                "Verificación|Explicación|Conclusión|Resumen|Nota|Solución",
                "a section behind the answer",
            ),
        ),
    ),
    Language(
        "Portuguese",
        answers=(Row("resposta|resultado|solução", "`A resposta final é 56`"),),
        final=(Row("final|correta|certa", "`A resposta final é`"),),
        stated=(Row("é|seria|é então|é portanto", "`A resposta é`"),),
        yes=(Row("sim|verdadeiro", "`A resposta é sim`"),),
        no=(Row("não|falso", "`A resposta é não`"),),
        right=(Row("está correta|está correto|é correta|é correto|é verdadeira", "`C está correta`"),),
        wrong=(
            Row(
                "está errada|está errado|é incorreta|é incorreto|é falsa|está incorreta|estão erradas",
                "`A está errada`",
            ),
        ),
        so=(
            Row(
                "portanto|logo|então|assim|só|somente|apenas|resta|correta é|a letra|é a letra",
                "`A resposta correta é a letra C`",
            ),
        ),
        options=(Row("opção|alternativa|letra|resposta", "`a letra C`"),),
        headings=(
            Row("Verificação|Explicação|Conclusão|Resumo|Nota|Solução", "a section behind the answer"),
        ),
    ),
    Language(
        "Italian",
        answers=(Row("risposta|risultato|soluzione", "`La risposta è 42`"),),
        final=(Row("finale|corretta|esatta", "`La risposta corretta è`"),),
        stated=(Row("è|sarebbe|è quindi", "`La risposta è`"),),
        yes=(Row("sì|vero", "`La risposta è sì`"),),
        no=(Row("falso", "`falso`; `no` is English too"),),
        right=(Row("è corretta|è corretto|è giusta|è vera", "`C è corretta`"),),
        wrong=(
            Row(
                "è sbagliata|è sbagliato|è errata|è falsa|sono sbagliate|non è corretta",
                "`A è sbagliata, quindi C`",
            ),
        ),
        so=(Row("quindi|dunque|perciò|solo|soltanto|rimane|resta|corretta è", "`A è sbagliata, quindi C`"),),
        options=(Row("opzione|risposta|lettera", "`l'opzione C`"),),
        checks=(Row("Verifica", "a check behind the answer"),),
        headings=(Row("Spiegazione|Conclusione|Riepilogo|Nota|Soluzione", "a section behind the answer"),),
    ),
    Language(
        "Dutch",
        answers=(Row("antwoord|eindantwoord|oplossing", "`Het antwoord is 42`"),),
        stated=(Row("is|luidt|is dus", "`Het antwoord luidt`"),),
        yes=(Row("ja|waar", "`Het antwoord is ja`"),),
        no=(Row("nee|onwaar", "`Het antwoord is nee`"),),
        right=(Row("is juist|is correct|klopt", "`C is juist`"),),
        wrong=(Row("is onjuist|is fout|is niet juist|klopt niet", "`A is fout, dus C`"),),
        so=(Row("dus|daarom|alleen|blijft over", "`A is fout, dus C`"),),
        headings=(Row("Controle|Uitleg|Conclusie|Samenvatting", "a section behind the answer"),),
    ),
    Language(
        "Swedish, Danish and Norwegian",
        answers=(Row("svar|svaret", "`Svaret är 42`"),),
        stated=(Row("är|er|blir", "`Svaret är`"),),
        yes=(Row("ja", "`Svaret är ja`"),),
        no=(Row("nej|nei", "`Svaret är nej`"),),
    ),
    Language(
        "Polish, Czech and Slovak",
        answers=(Row("odpowiedź|odpověď|odpoveď", "`Odpowiedź: 42`"),),
        stated=(Row("to|jest|je", "`Odpowiedź to 42`"),),
        yes=(Row("tak", "`Odpowiedź: tak`"),),
        no=(Row("nie", "`Odpowiedź: nie`"),),
    ),
    Language(
        "Turkish",
        answers=(Row("cevap|yanıt", "`Cevap: 42`"),),
        yes=(Row("evet", "`evet`"),),
        no=(Row("hayır", "`hayır`"),),
    ),
    Language(
        "Indonesian",
        answers=(Row("jawaban", "`Jawaban: 42`"),),
        final=(Row("akhir|yang benar", "`Jawaban akhir`"),),
        stated=(Row("adalah", "`Jawabannya adalah`"),),
        yes=(Row("ya", "`ya`"),),
        no=(Row("tidak", "`tidak`"),),
    ),
    Language(
        "Finnish, Hungarian and Romanian",
        answers=(Row("vastaus|válasz|răspuns", "`Vastaus on 42`"),),
        stated=(Row("on|este", "`Vastaus on`"),),
    ),
    Language(
        "Vietnamese",
        answers=(Row("đáp án", "`Đáp án: 42`"),),
        final=(Row("cuối cùng|đúng", "`Đáp án cuối cùng`"),),
        stated=(Row("là", "`Đáp án là`"),),
    ),
    Language(
        "Russian and Ukrainian",
        answers=(Row("ответ|відповідь", "`Ответ: 56`"),),
        stated=(Row("это|–|—|-", "`Ответ — 56`"),),
        yes=(Row("да|верно", "`Ответ: да`"),),
        no=(Row("нет|неверно|ложь", "`Ответ: нет`"),),
        right=(Row("верно|верен|верна|правильно|правильный", "`C верно`"),),
        wrong=(Row("неверно|неверен|неверна|неправильно|не подходит|неправильный", "`A неверно, значит C`"),),
        so=(Row("значит|поэтому|следовательно|только|остается|остаётся|итак", "`A неверно, значит C`"),),
        options=(Row("вариант|ответ|буква", "`вариант C`"),),
        headings=(
            Row("Проверка|Объяснение|Решение|Вывод|Пояснение|Примечание", "a section behind the answer"),
        ),
    ),
    Language(
        "Chinese",
        answers=(Row("答案|答|最终答案|正确答案|答案为|正确选项", "`答案是42`"),),
        stated=(Row("是|为|应该是|应是|就是|选|選|应选|应该选", "`答案为（B）`"),),
        yes=(Row("是|是的|对|正确", "`答案：是`"),),
        no=(Row("否|不是|不对|错|错误|不正确", "`答案：否`"),),
        right=(Row("正确|是正确的|对|是对的|符合题意|成立", "`C项正确`"),),
        wrong=(
            Row(
                "错误|不对|不正确|说法错误|也不对|也错误|均错误|都错|都错误|错|不符合题意|不符合|排除|是错的|是干扰",
                "`A项说法错误`",
            ),
        ),
        denies=(Row("不是|不选|而非|排除|非", "`不是A`"),),
        so=(Row("只有|故选|因此选|所以选|应选|选择|故|所以|因此|应该选|选|選|即", "`只有选项C是对的`"),),
        options=(Row("选项|選項|项|項|选|答案", "`选项C`, `A项`"),),
        checks=(Row("检验|验证|验算", "a check behind the answer"),),
        refuses=(Row("无法确定|无法回答|无法判断|不知道", "no answer"),),
        headings=(Row("解释|解析|分析|总结|说明|解答", "a section behind the answer"),),
        spaced=False,
    ),
    Language(
        "Japanese",
        answers=(Row("答え|回答|正解|解答", "`答え：56個`"),),
        stated=(Row("は", "`正解はBです`"),),
        yes=(Row("はい", "`はい`"),),
        no=(Row("いいえ", "`いいえ`"),),
        right=(Row("が正しい|は正しい|が正解", "`Cが正しい`"),),
        wrong=(Row("は誤り|は間違い|は正しくない|は不正解", "`Aは誤り`"),),
        so=(Row("したがって|よって|だから", "`よってC`"),),
        headings=(Row("検算|確認|解説|説明|まとめ", "a section behind the answer"),),
        spaced=False,
    ),
    Language(
        "Korean",
        answers=(Row("정답|답", "`정답은 D입니다`"),),
        stated=(Row("은|는", "`정답은`"),),
        yes=(Row("예|네", "`예`"),),
        no=(Row("아니요|아니오", "`아니요`"),),
        wrong=(Row("은 틀렸|는 틀렸|은 오답|는 오답", "`A는 틀렸다`"),),
        so=(Row("따라서|그러므로", "`따라서 C`"),),
        headings=(Row("확인|검산|설명|풀이", "a section behind the answer"),),
        spaced=False,
    ),
    Language(
        "Arabic",
        answers=(Row("الإجابة|الجواب|الإجابة الصحيحة", "`الجواب هو ٤٢`"),),
        stated=(Row("هي|هو", "`الإجابة هي`"),),
        yes=(Row("نعم|صحيح", "`نعم`"),),
        no=(Row("لا|خطأ", "`لا`"),),
    ),
    Language(
        "Hindi",
        answers=(Row("उत्तर", "`उत्तर: 56`"),),
        stated=(Row("है", "`उत्तर है`"),),
        yes=(Row("हाँ|हां|सत्य|सही", "`हाँ`"),),
        no=(Row("नहीं|असत्य|गलत", "`नहीं`"),),
    ),
    Language(
        "Thai",
        answers=(Row("คำตอบ", "`คำตอบคือ 42`"),),
        stated=(Row("คือ", "`คำตอบคือ`"),),
        spaced=False,
    ),
)
